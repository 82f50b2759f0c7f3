"""Companies with their sites and types, and contacts with their communications. Field notation: see `schema.model`."""

from connectwise_simulator.schema import model

COMPANY = model(
    "Company",
    """
    id=:int identifier*:text30 name*:text50 status:>CompanyStatusReference addressLine1:text50 addressLine2:text50
    city:text50 state:text50 zip:text12 country:>CountryReference phoneNumber:text30 faxNumber:text30
    website:text255 territory:>SystemLocationReference market:>MarketDescriptionReference accountNumber:text
    defaultContact:>ContactReference dateAcquired:date sicCode:>SicCodeReference parentCompany:>CompanyReference
    annualRevenue:num numberOfEmployees:int yearEstablished:int revenueYear:int
    ownershipType:>OwnershipTypeReference timeZoneSetup:>TimeZoneSetupReference leadSource:text50 leadFlag:flag
    unsubscribeFlag:flag calendar:>CalendarReference userDefinedField1:text50 userDefinedField2:text50
    userDefinedField3:text50 userDefinedField4:text50 userDefinedField5:text50 userDefinedField6:text50
    userDefinedField7:text50 userDefinedField8:text50 userDefinedField9:text50 userDefinedField10:text50
    vendorIdentifier:text taxIdentifier:text taxCode:>TaxCodeReference billingTerms:>BillingTermsReference
    invoiceTemplate:>InvoiceTemplateReference pricingSchedule:>PricingScheduleReference
    companyEntityType:>EntityTypeReference billToCompany:>CompanyReference billingSite:>SiteReference
    billingContact:>ContactReference invoiceDeliveryMethod:>BillingDeliveryReference invoiceToEmailAddress:text
    invoiceCCEmailAddress:text deletedFlag:flag dateDeleted:date deletedBy:text mobileGuid:text facebookUrl:text
    twitterUrl:text linkedInUrl:text currency:>CurrencyReference territoryManager:>MemberReference
    resellerIdentifier:text isVendorFlag:flag types:[]>CompanyTypeReference site:>SiteReference integratorTags:list
    customFields:[]>CustomFieldValue
    """,
)

COMPANY_STATUS = model(
    "CompanyStatus",
    """
    id=:int name*:text50 defaultFlag:flag inactiveFlag:flag notifyFlag:flag disallowSavingFlag:flag
    notificationMessage:text500 customNoteFlag:flag cancelOpenTracksFlag:flag track:>TrackReference
    """,
)

COMPANY_TYPE = model(
    "CompanyType",
    """
    id=:int name*:text50 defaultFlag:flag vendorFlag:flag serviceAlertFlag:flag serviceAlertMessage:text150
    """,
)

CONTACT = model(
    "Contact",
    """
    id=:int firstName:text lastName:text company:>CompanyReference site:>SiteReference addressLine1:text
    addressLine2:text city:text state:text zip:text country:>CountryReference relationship:>RelationshipReference
    relationshipOverride:text department:>ContactDepartmentReference inactiveFlag:flag defaultMergeContactId:int
    securityIdentifier:text managerContact:>ContactReference assistantContact:>ContactReference title:text
    school:text nickName:text marriedFlag:flag childrenFlag:flag children:text significantOther:text
    portalPassword:text portalSecurityLevel:int disablePortalLoginFlag:flag unsubscribeFlag:flag
    gender:one(Female|Male) birthDay:text anniversary:text presence:one(NoAgent|Online|DoNotDisturb|Away|Offline)
    mobileGuid:text facebookUrl:text twitterUrl:text linkedInUrl:text defaultPhoneType:text defaultPhoneNbr:text
    defaultPhoneExtension:text defaultBillingFlag:flag defaultFlag:flag userDefinedField1:text50
    userDefinedField2:text50 userDefinedField3:text50 userDefinedField4:text50 userDefinedField5:text50
    userDefinedField6:text50 userDefinedField7:text50 userDefinedField8:text50 userDefinedField9:text50
    userDefinedField10:text50 companyLocation:>SystemLocationReference
    communicationItems:[]>ContactCommunicationItem types:[]>ContactTypeReference integratorTags:list
    customFields:[]>CustomFieldValue photo:>DocumentReference ignoreDuplicates:flag typeIds:list
    """,
)

COMPANY_INFO = model(
    "CompanyInfo",
    """
    id=:int identifier:text name:text territory:>SystemLocationReference defaultContact:>ContactReference
    phoneNumber:text city:text site:>SiteReference isVendorFlag:flag currency:>CurrencyReference
    billToCompany:>CompanyReference billingSite:>SiteReference billingContact:>ContactReference
    billingTerms:>BillingTermsReference taxCode:>TaxCodeReference deletedFlag:flag types:[]>CompanyTypeReference
    status:>CompanyStatusReference noServiceFlag:flag addressLine1:text addressLine2:text state:text
    country:>CountryReference zip:text leadFlag:flag faxNumber:text vendorIdentifier:text taxIdentifier:text
    facebookUrl:text twitterUrl:text linkedInUrl:text
    """,
)

COMPANY_SITE = model(
    "CompanySite",
    """
    id=:int name*:text50 addressLine1:text50 addressLine2:text50 city:text50 stateReference:>StateReference
    zip:text12 country:>CountryReference addressFormat:text phoneNumber:text30 phoneNumberExt:text30
    faxNumber:text30 taxCode:>TaxCodeReference entityType:>EntityTypeReference expenseReimbursement:num
    primaryAddressFlag:flag defaultShippingFlag:flag defaultBillingFlag:flag defaultMailingFlag:flag
    inactiveFlag:flag billSeparateFlag:flag mobileGuid:text calendar:>CalendarReference
    timeZone:>TimeZoneSetupReference company:>CompanyReference customFields:[]>CustomFieldValue
    """,
)

COMPANY_SITE_INFO = model(
    "CompanySiteInfo",
    """
    id=:int name:text addressLine1:text addressLine2:text city:text stateReference:>StateReference
    country:>CountryReference zip:text addressFormat:text phoneNumber:text inactiveFlag:flag
    defaultShippingFlag:flag defaultBillingFlag:flag primaryAddressFlag:flag taxCode:>TaxCodeReference
    phoneNumberExt:text
    """,
)

COMPANY_TYPE_ASSOCIATION = model(
    "CompanyTypeAssociation",
    """
    id=:int type*:>CompanyTypeReference company*:>CompanyReference
    """,
)

CONTACT_TYPE = model(
    "ContactType",
    """
    id=:int description*:text50 defaultFlag:flag serviceAlertFlag:flag serviceAlertMessage:text150
    """,
)

CONTACT_TYPE_INFO = model(
    "ContactTypeInfo",
    """
    id=:int description:text defaultFlag:flag serviceAlertFlag:flag serviceAlertMessage:text
    """,
)

CONTACT_TYPE_ASSOCIATION = model(
    "ContactTypeAssociation",
    """
    id=:int type*:>ContactTypeReference contact*:>ContactReference
    """,
)

CONTACT_COMMUNICATION = model(
    "ContactCommunication",
    """
    id=:int contactId=:int type*:>CommunicationTypeReference value*:text250 extension:text15 defaultFlag:flag
    mobileGuid:text communicationType:one(Email|Fax|Phone) domain=:text
    """,
)
