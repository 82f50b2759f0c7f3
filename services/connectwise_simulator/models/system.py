"""Members, security roles, user-defined fields and the company itself. Field notation: see `schema.model`."""

from connectwise_simulator.schema import model

_MEMBER = """
    id=:int identifier*:text15 password:text60 disableOnlineFlag:flag licenseClass*:one(A|C|F|X) notes:text
    employeeIdentifer:text10 vendorNumber:text enableMobileGpsFlag:flag inactiveDate:date inactiveFlag:flag
    lastLogin:text clientId:text token:text firstName*:text30 middleInitial:text1 lastName*:text30
    hireDate*:date country:>CountryReference photo:>DocumentReference officeEmail:text250 mobileEmail:text250
    homeEmail:text250 defaultEmail*:one(Office|Mobile|Home) primaryEmail:text250 officePhone:text15
    officeExtension:text10 mobilePhone:text15 mobileExtension:text10 homePhone:text15 homeExtension:text10
    defaultPhone*:one(Office|Mobile|Home) securityRole*:>SecurityRoleReference office365:>MemberOffice365
    mapiName:text calendarSyncIntegrationFlag:flag
    authenticationServiceType:one(AuthAnvil|GoogleAuthenticator|Email) timebasedOneTimePasswordActivated:flag
    enableLdapAuthenticationFlag:flag ldapConfiguration:>LdapConfigurationReference ldapUserName:text50
    directionalSync:>DirectionalSyncReference ssoSettings:>MemberSsoSettingsReference signature:text
    phoneIntegrationType:one(TAPI|SKYPE|TEL|CALLTO|NONE) useBrowserLanguageFlag:flag title:text
    reportCard:>ReportCardReference enableMobileFlag:flag type:>MemberTypeReference
    timeZone:>TimeZoneSetupReference partnerPortalFlag:flag stsUserAdminUrl:text toastNotificationFlag:flag
    memberPersonas:list adminFlag:flag structureLevel:>StructureReference
    securityLocation:>SystemLocationReference defaultLocation:>SystemLocationReference
    defaultDepartment:>SystemDepartmentReference reportsTo:>MemberReference restrictLocationFlag:flag
    restrictDepartmentFlag:flag workRole:>WorkRoleReference workType:>WorkTypeReference
    timeApprover:>MemberReference expenseApprover:>MemberReference billableForecast:num dailyCapacity:num
    hourlyCost:num hourlyRate:num includeInUtilizationReportingFlag:flag requireExpenseEntryFlag:flag
    requireTimeSheetEntryFlag:flag requireStartAndEndTimeOnTimeEntryFlag:flag allowInCellEntryOnTimeSheet:flag
    enterTimeAgainstCompanyFlag:flag allowExpensesEnteredAgainstCompaniesFlag:flag timeReminderEmailFlag:flag
    daysTolerance:int minimumHours:num timeSheetStartDate:text serviceDefaultLocation:>SystemLocationReference
    serviceDefaultDepartment:>SystemDepartmentReference serviceDefaultBoard:>BoardReference
    restrictServiceDefaultLocationFlag:flag restrictServiceDefaultDepartmentFlag:flag
    excludedServiceBoardIds:list teams:list serviceBoardTeamIds:list
    projectDefaultLocation:>SystemLocationReference projectDefaultDepartment:>SystemDepartmentReference
    projectDefaultBoard:>ProjectBoardReference restrictProjectDefaultLocationFlag:flag
    restrictProjectDefaultDepartmentFlag:flag excludedProjectBoardIds:list
    scheduleDefaultLocation:>SystemLocationReference scheduleDefaultDepartment:>SystemDepartmentReference
    scheduleCapacity:num serviceLocation:>ServiceLocationReference restrictScheduleFlag:flag
    hideMemberInDispatchPortalFlag:flag calendar:>CalendarReference
    salesDefaultLocation:>SystemLocationReference restrictDefaultSalesTerritoryFlag:flag
    warehouse:>WarehouseReference warehouseBin:>WarehouseBinReference restrictDefaultWarehouseFlag:flag
    restrictDefaultWarehouseBinFlag:flag companyActivityTabFormat:one(SummaryList|DetailList)
    invoiceTimeTabFormat:one(SummaryList|DetailList)
    invoiceScreenDefaultTabFormat:one(ShowInvoicingTab|ShowAgreementInvoicingTab)
    invoicingDisplayOptions:one(RemainOnInvoicingScreen|ShowRecentInvoices)
    agreementInvoicingDisplayOptions:one(RemainOnInvoicingScreen|ShowRecentInvoices) autoStartStopwatch:flag
    autoPopupQuickNotesWithStopwatch:flag
    globalSearchDefaultTicketFilter:one(OpenRecords|ClosedRecords|AllRecords)
    globalSearchDefaultSort:one(None|LastUpdatedDesc|LastUpdatedAsc|CreatedDesc|CreatedAsc) phoneSource:text
    copyPodLayouts:flag copySharedDefaultViews:flag copyColumnLayoutsAndFilters:flag fromMemberRecId:int
    fromMemberTemplateRecId:int customFields:[]>CustomFieldValue
"""
MEMBER = model("Member", _MEMBER)

# One row holds what both addresses show of a member; an API member has licence class A. The name comes of its parts.
MEMBER_ROW = model(
    "Member",
    _MEMBER.replace("*:", ":")
    + "name:text30 emailAddress:text250 blockPriceFlag:flag blockCostFlag:flag fullName=:text",
)

API_MEMBER = model(
    "ApiMember",
    """
    id=:int identifier*:text15 name+:text30 emailAddress:text250 inactiveFlag:flag inactiveDate:date
    timeZone:>TimeZoneSetupReference securityRole:>SecurityRoleReference structureLevel:>StructureReference
    securityLocation:>SystemLocationReference defaultLocation:>SystemLocationReference
    defaultDepartment:>SystemDepartmentReference salesDefaultLocation:>SystemLocationReference
    serviceDefaultBoard:>BoardReference notes:text excludedServiceBoardIds:list blockPriceFlag:flag
    blockCostFlag:flag
    """,
)

MEMBER_INFO = model(
    "MemberInfo",
    """
    id=:int identifier:text firstName:text middleInitial:text lastName:text fullName:text defaultEmail:text
    photo:>DocumentReference licenseClass:one(A|C|F|X) inactiveFlag:flag
    """,
)

# `grants` names the `Role` behind a row: names of roles are longer here than the API lets them be.
SECURITY_ROLE_ROW = model(
    "SecurityRole",
    """
    id=:int name*:text30 roleType:text30 adminFlag:flag inactiveFlag:flag grants:text
    """,
)

SECURITY_ROLE = model(
    "SecurityRole",
    """
    id=:int name*:text30 roleType:text30 adminFlag:flag inactiveFlag:flag
    """,
)

SECURITY_ROLE_INFO = model(
    "SecurityRoleInfo",
    """
    id=:int name:text roleType:text inactiveFlag:flag
    """,
)

SECURITY_ROLE_SETTING = model(
    "SecurityRoleSetting",
    """
    id=:int addLevel:one(None|My|All) editLevel:one(None|My|All) deleteLevel:one(None|My|All)
    inquireLevel:one(None|My|All) moduleFunctionName:text moduleFunctionDescription:text myAllFlag:flag
    moduleFunctionIdentifier:text reportFlag:flag restrictFlag:flag customFlag:flag moduleDescription:text
    moduleIdentifier:text moduleName:text sortOrder:int
    """,
)

MY_SECURITY = model(
    "MySecurity",
    """
    id=:int addLevel:one(None|My|All) editLevel:one(None|My|All) deleteLevel:one(None|My|All)
    inquireLevel:one(None|My|All) moduleFunctionName:text moduleFunctionDescription:text myAllFlag:flag
    moduleFunctionIdentifier:text reportFlag:flag restrictFlag:flag customFlag:flag moduleDescription:text
    moduleIdentifier:text moduleName:text sortOrder:int member:>MemberReference
    """,
)

MY_SECURITY_ITEM = model(
    "MySecurityCustomizeItem",
    """
    id=:int
    customizeIdentifier:one(CompanyReports|FinanceReports|MarketingReports|ProcurementReports|ProjectReports|SalesReports|ServiceReports|SystemReports|TimeAndExpenseReports|CompanyConfigurations|FinanceAgreements|ProjectScheduling|ServiceResourceScheduling|SystemManageHostedApi|SystemMyAccount|SystemCustomMenuEntry|SystemMassMaintenance|SystemTableSetup)
    itemIdentifier:text
    """,
)

USER_DEFINED_FIELD = model(
    "UserDefinedField",
    """
    id=:int podId*:int caption*:text25 sequenceNumber*:int screenId:text25 helpText:text1000
    fieldTypeIdentifier*:one(TextArea|Button|Currency|Date|Hyperlink|IPAddress|Checkbox|Number|Percent|PhoneNumber|Text|Password)
    numberDecimals:int entryTypeIdentifier:one(Date|EntryField|List|Option) requiredFlag:flag
    displayOnScreenFlag:flag readOnlyFlag:flag listViewFlag:flag buttonUrl:text1000
    options:[]>UserDefinedFieldOption businessUnitIds:list locationIds:list addAllBusinessUnits:flag
    removeAllBusinessUnits:flag addAllLocations:flag removeAllLocations:flag connectWiseID=:text
    dateCreated=:date
    """,
)

USER_DEFINED_FIELD_INFO = model(
    "UserDefinedFieldInfo",
    """
    id=:int podId:int caption:text sequenceNumber:int helpText:text
    fieldTypeIdentifier:one(TextArea|Button|Currency|Date|Hyperlink|IPAddress|Checkbox|Number|Percent|PhoneNumber|Text|Password)
    numberDecimals:int entryTypeIdentifier:one(Date|EntryField|List|Option) requiredFlag:flag
    displayOnScreenFlag:flag readOnlyFlag:flag listViewFlag:flag buttonUrl:text
    options:[]>UserDefinedFieldOption businessUnitIds:list locationIds:list dateCreated:text
    """,
)

CORPORATE_STRUCTURE = model(
    "CorporateStructure",
    """
    id=:int levelCount:one(Level1|Level2|Level3|Level4|Level5) level1Name:text20 level2Name:text20
    level3Name:text20 level4Name:text20 level5Name:text20
    fiscalYearStart*:one(January|February|March|April|May|June|July|August|September|October|November|December)
    locationCaption*:text50 groupCaption*:text50 baseCurrency*:>CurrencyReference president:>MemberReference
    chiefOperatingOfficer:>MemberReference controller:>MemberReference dispatcher:>MemberReference
    serviceManager:>MemberReference dutyManager:>MemberReference
    """,
)

CORPORATE_STRUCTURE_INFO = model(
    "CorporateStructureInfo",
    """
    id=:int locationCaption:text groupCaption:text baseCurrency:>CurrencyReference
    """,
)

CORPORATE_STRUCTURE_LEVEL = model(
    "CorporateStructureLevel",
    """
    id=:int name:text
    """,
)

CRM = model(
    "Crm",
    """
    id=:int companyListCount:int lockProbabilityFlag:flag accountManagerRole*:>TeamRoleReference
    technicalContactRole*:>TeamRoleReference salesRepRole*:>TeamRoleReference companyIdGenerationFlag:flag
    excludeSpacesFlag:flag field1Caption:text25 field2Caption:text25 field3Caption:text25 field4Caption:text25
    field5Caption:text25 field6Caption:text25 field7Caption:text25 field8Caption:text25 field9Caption:text25
    field10Caption:text25 primaryRepCaption:text50 secondaryRepCaption:text50 other1Caption:text50
    other2Caption:text50 defaultYear:flag
    """,
)

CRM_INFO = model(
    "CrmInfo",
    """
    id=:int accountManagerRole:>TeamRoleReference technicalContactRole:>TeamRoleReference
    salesRepRole:>TeamRoleReference field1Caption:text field2Caption:text field3Caption:text field4Caption:text
    field5Caption:text field6Caption:text field7Caption:text field8Caption:text field9Caption:text
    field10Caption:text primaryRepCaption:text secondaryRepCaption:text
    """,
)

OTHER = model(
    "Other",
    """
    id=:int defaultLdap:>LdapConfigurationReference defaultFromAddress*:text50 portalUrlOverride*:text100
    siteUrl*:text100 logoPath:text200 contactSync:one(FL|LF|CFL|CLF) serverTimeZone*:>TimeZoneSetupReference
    defaultCalendar*:>CalendarReference defaultAddressFormat*:>AddressFormatReference useSslFlag:flag
    syncLeadsFlag:flag includePortalLinkFlag:flag useExpandedFormatTimeFlag:flag
    useExpandedFormatActivityFlag:flag disableZAdminLoginFlag:flag locale*:>LocaleReference
    updateMemberTimeZonesFlag:flag
    """,
)

TIME_EXPENSE = model(
    "TimeExpense",
    """
    id=:int tier1ApprovalFlag:flag tier2ApprovalFlag:flag disableTimeEntryFlag:flag requireTimeNoteFlag:flag
    requireExpenseNoteFlag:flag roundingFactor:num invoiceStart:int
    defaultSpecialInvoiceType:one(Agreement|CreditMemo|DownPayment|Miscellaneous|Progress|Standard)
    internalCompany*:>CompanyReference
    """,
)

SERVICE = model(
    "Service",
    """
    id=:int srNotify*:one(All|NewAndClosedRequests|ClosedRequestsOnly|NewRequestsOnly|None)
    scheduleSpan*:one(Standard|OfficeHours|Overnight) hideDelimiterFlag:flag allowCCFlag:flag allowTOFlag:flag
    headerColor:text50 memberColor:text50 contactColor:text50 unknownColor:text50
    calendarSetup:>CalendarSetupReference headerColorDisableFlag:flag memberColorDisableFlag:flag
    contactColorDisableFlag:flag unknownColorDisableFlag:flag
    """,
)

SERVICE_INFO = model(
    "ServiceInfo",
    """
    id=:int headerColor:text memberColor:text contactColor:text unknownColor:text
    """,
)
